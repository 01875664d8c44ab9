"""Google and Microsoft, behind the connector port."""
