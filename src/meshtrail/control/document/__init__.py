"""The inventory as one document, in TOML or JSON: exported, read, compared, applied.

An *entry* is a thing as the document says it: by names, where the store has ids. `export` makes entries of a snapshot; `merge` says
what a thing is to be, from the entry that was written and the one that is; `apply` makes it so, and notes each *step*.
"""
