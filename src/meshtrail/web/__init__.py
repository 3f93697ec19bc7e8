"""The dashboard: pages rendered here, small scripts that only add to them.

The *filters* are the address bar: parsed from a query string, written back as one, and turned into the parameters of
the native API. A *row* is one line of the list, its *details* are the side panel; both are made of an API row and say
everything as text, so that a page reads without scripts. *Assets* are the files a page loads, under an address that
holds the hash of their content.

Scripts reach only the native API and these pages. Whatever comes from a log is text, never markup.
"""
