"""A tablet: the protocol of docs/tablet.md without a screen (`link`), and a terminal program that a crew can work with (`screen`)."""
