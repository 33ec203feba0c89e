"""Results as HTML for notebooks. It is text that needs nothing else, and it is small, however large a result is.

Classes make their own page of these pieces, in `_repr_html_`. Nothing here computes, opens or imports what is large.
"""
