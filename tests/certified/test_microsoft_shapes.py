"""Graph's items have no property, and no value of an enumeration, that its v1.0 CSDL lacks."""

import re
from typing import Any

import pytest
from certified.microsoft_clients import Outlook

# O365 asks for the answer in the redirect's query, which msal advises against.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode=:UserWarning")

ITEM = "id categories changeKey createdDateTime lastModifiedDateTime"
MESSAGE = f"""{ITEM} bccRecipients body bodyPreview ccRecipients conversationId conversationIndex
flag from hasAttachments importance inferenceClassification internetMessageHeaders
internetMessageId isDeliveryReceiptRequested isDraft isRead isReadReceiptRequested parentFolderId
receivedDateTime replyTo sender sentDateTime subject toRecipients uniqueBody webLink attachments"""
EVENT = f"""{ITEM} allowNewTimeProposals attendees body bodyPreview cancelledOccurrences end
hasAttachments hideAttendees iCalUId importance isAllDay isCancelled isDraft isOnlineMeeting
isOrganizer isReminderOn location locations onlineMeeting onlineMeetingProvider onlineMeetingUrl
organizer originalEndTimeZone originalStart originalStartTimeZone recurrence
reminderMinutesBeforeStart responseRequested responseStatus sensitivity seriesMasterId showAs start
subject transactionId type webLink uid occurrenceId"""
CONTACT = f"""{ITEM} assistantName birthday businessAddress businessHomePage businessPhones children
companyName department displayName emailAddresses fileAs generation givenName homeAddress homePhones
imAddresses initials jobTitle manager middleName mobilePhone nickName officeLocation otherAddress
parentFolderId personalNotes profession spouseName surname title yomiCompanyName yomiGivenName
yomiSurname"""
FOLDER = """id displayName parentFolderId childFolderCount unreadItemCount totalItemCount isHidden
sizeInBytes"""
FILE = """id audio bundle cTag children content createdBy createdDateTime deleted description eTag
file fileSystemInfo folder image lastModifiedBy lastModifiedDateTime location malware name package
parentReference pendingOperations photo publication remoteItem root searchResult shared
sharepointIds size specialFolder video webDavUrl webUrl"""
VALUES = {
    "importance": {"low", "normal", "high"},
    "inferenceClassification": {"focused", "other"},
    "sensitivity": {"normal", "personal", "private", "confidential"},
    "showAs": {"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"},
    "type": {"singleInstance", "occurrence", "exception", "seriesMaster"},
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/me/messages?$top=500", MESSAGE),
        ("/me/mailFolders/inbox/messages/delta", MESSAGE),
        ("/me/mailFolders?$top=100", FOLDER),
        ("/me/mailFolders/delta", FOLDER),
        ("/me/events?$top=500", EVENT),
        ("/me/contacts?$top=500", CONTACT),
        ("/me/contactFolders/contacts/contacts/delta", CONTACT),
        ("/me/drive/root/children", FILE),
        ("/me/drive/root/delta", FILE),
    ],
)
async def test_items_have_the_properties_of_their_type(
    reading: Outlook, path: str, known: str
) -> None:
    items: list[dict[str, Any]] = []
    page = await reading.get(path)
    items += page["value"]
    while "@odata.nextLink" in page:
        page = await reading.get(page["@odata.nextLink"])
        items += page["value"]
    assert items
    for item in items:
        names = {name for name in item if "@" not in name}
        assert names <= set(known.split())
        for name, values in VALUES.items():
            assert item.get(name, next(iter(values))) in values
        moments = [v for k, v in item.items() if k.endswith("DateTime") and v is not None]
        assert all(MOMENT.fullmatch(moment) for moment in moments)
        assert "@odata.etag" in item or "eTag" in item or known is FOLDER or "root" in item
