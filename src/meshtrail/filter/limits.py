"""Limits of the filter language, with their units and reasons."""

TEXT_CHARACTERS_MAX = 32_768
"""One filter: a list of a thousand addresses fits, and reading it takes milliseconds."""

DEPTH_MAX = 32
"""Nested parentheses and `not`: people stop at five, and the compiler calls itself once a level."""

TERMS_MAX = 256
"""Conditions and words of one filter: each is looked at for every row."""

WORDS_MAX = 16
"""Free words of one filter: each is looked for in a dozen columns."""

REGEXES_MAX = 16
"""Regular expressions of one filter: the dearest comparison there is."""

VALUES_MAX = 1_000
"""Values of one list: more would be a table, not a filter."""

RANGES_MAX = 200
"""Ranges, networks and wildcards inside the lists of one filter: unlike single values they are compared one by one."""

VALUE_CHARACTERS_MAX = 1_024
"""One text value: no stored text is longer."""

WILDCARDS_MAX = 8
"""Stars in one value."""

REGEX_CHARACTERS_MAX = 256
"""One regular expression."""

REGEX_DEPTH_MAX = 16
"""Groups inside groups of one regular expression."""

REGEX_REPEATS_MAX = 1_000
"""Counted repetitions, those inside one another multiplied: what the store's engine (RE2) takes."""

REGEX_SIZE_MAX = 10_000
"""Steps of the compiled regular expression, estimated: far below the memory at which the engine refuses to compile."""

NUMBER_CHARACTERS_MAX = 32
"""Digits and unit of one number: the largest 64-bit number has 20 digits."""

OFFSET_US_MAX = 36_525 * 86_400 * 1_000_000
"""A hundred years in microseconds: how far `now-…` reaches, so that every time stays inside the store's calendar."""

SUGGESTIONS_MAX = 3
"""Names that an error suggests."""

SUGGESTED_CHARACTERS_MAX = 64
"""A name longer than this is compared with none: no field is near it."""

COMPLETIONS_MAX = 50
"""Candidates of one completion: more than a screen."""
