"""Microsoft Graph: Outlook mail, calendar and contacts, OneDrive; consent at Microsoft."""
