"""The scopes known here, with the words of the consent page."""

PREFIX = "https://www.googleapis.com/auth/"
OPENID = "openid"
EMAIL = PREFIX + "userinfo.email"
PROFILE = PREFIX + "userinfo.profile"
IDENTITY = (OPENID, EMAIL, PROFILE)

FULL_MAIL = "https://mail.google.com/"
GMAIL_READONLY = PREFIX + "gmail.readonly"
GMAIL_METADATA = PREFIX + "gmail.metadata"
GMAIL_MODIFY = PREFIX + "gmail.modify"
GMAIL_LABELS = PREFIX + "gmail.labels"
CALENDAR = PREFIX + "calendar"
CALENDAR_READONLY = PREFIX + "calendar.readonly"
EVENTS = PREFIX + "calendar.events"
EVENTS_READONLY = PREFIX + "calendar.events.readonly"
CALENDAR_LIST = PREFIX + "calendar.calendarlist"
CALENDAR_LIST_READONLY = PREFIX + "calendar.calendarlist.readonly"
CALENDARS = PREFIX + "calendar.calendars"
CALENDARS_READONLY = PREFIX + "calendar.calendars.readonly"
CONTACTS = PREFIX + "contacts"
CONTACTS_READONLY = PREFIX + "contacts.readonly"
CONTACTS_OTHER_READONLY = PREFIX + "contacts.other.readonly"
DRIVE = PREFIX + "drive"
DRIVE_READONLY = PREFIX + "drive.readonly"
DRIVE_METADATA_READONLY = PREFIX + "drive.metadata.readonly"
PUBSUB = PREFIX + "pubsub"
CLOUD_PLATFORM = PREFIX + "cloud-platform"

DESCRIPTIONS = {
    OPENID: "Associate you with your personal info",
    EMAIL: "See your primary e-mail address",
    PROFILE: "See your personal info, including any you have made public",
    FULL_MAIL: "Read, compose, send and permanently delete all your e-mail",
    GMAIL_READONLY: "View your e-mail messages and settings",
    GMAIL_METADATA: "View your e-mail message metadata such as labels and headers, not the body",
    GMAIL_MODIFY: "Read, compose and send e-mails",
    GMAIL_LABELS: "See and edit your e-mail labels",
    CALENDAR: "See, edit, share and permanently delete all your calendars",
    CALENDAR_READONLY: "See and download any calendar you can access",
    EVENTS: "View and edit events on all your calendars",
    EVENTS_READONLY: "View events on all your calendars",
    CALENDAR_LIST: "See, add and remove calendars you are subscribed to",
    CALENDAR_LIST_READONLY: "See the list of calendars you are subscribed to",
    CALENDARS: "See and change the properties of calendars, and create secondary calendars",
    CALENDARS_READONLY: "See the title, description and default time zone of calendars",
    CONTACTS_READONLY: "See and download your contacts",
    CONTACTS_OTHER_READONLY: "See contact info saved in 'Other contacts'",
    CONTACTS: "See, edit, download and permanently delete your contacts",
    DRIVE_METADATA_READONLY: "See information about your files",
    DRIVE_READONLY: "See and download all your files",
    PUBSUB: "View and manage Pub/Sub topics and subscriptions",
    CLOUD_PLATFORM: "See, edit, configure and delete your Google Cloud data",
    DRIVE: "See, edit, create and delete all of your files",
}

# Google answers with the long names, whichever were asked for.
_ALIASES = {"email": EMAIL, "profile": PROFILE}


def canonical(text: str) -> tuple[str, ...]:
    """The scopes in a space-separated list, long names, in order, without repeats."""
    return tuple(dict.fromkeys(_ALIASES.get(name, name) for name in text.split()))


def unknown(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Those that Google would not know."""
    return tuple(scope for scope in scopes if scope not in DESCRIPTIONS)
