"""The names in Calendar's answers, as its discovery document has them; see `tables`."""

FIELDS = """
Calendar= autoAcceptInvitations conferenceProperties:ConferenceProperties dataOwner description
  etag id kind labelProperties:LabelProperties location summary timeZone
  workingHours:Calendar.workingHours
Calendar.workingHours= availableTimes:Calendar.workingHours.availableTimes workingHoursEnabled
Calendar.workingHours.availableTimes= dayOfWeek periodEnd periodStart
CalendarList= etag items:CalendarListEntry kind nextPageToken nextSyncToken
CalendarListEntry= accessRole autoAcceptInvitations backgroundColor colorId
  conferenceProperties:ConferenceProperties dataOwner defaultReminders:EventReminder deleted
  description etag foregroundColor hidden id kind location
  notificationSettings:CalendarListEntry.notificationSettings primary selected summary
  summaryOverride timeZone
CalendarListEntry.notificationSettings= notifications:CalendarNotification
CalendarNotification= method type
Channel= address expiration id kind params:* payload resourceId resourceUri token type
ConferenceData= conferenceId conferenceSolution:ConferenceSolution
  createRequest:CreateConferenceRequest entryPoints:EntryPoint notes
  parameters:ConferenceParameters signature
ConferenceParameters= addOnParameters:ConferenceParametersAddOnParameters
ConferenceParametersAddOnParameters= parameters:*
ConferenceProperties= allowedConferenceSolutionTypes
ConferenceRequestStatus= statusCode
ConferenceSolution= iconUri key:ConferenceSolutionKey name
ConferenceSolutionKey= type
CreateConferenceRequest= conferenceSolutionKey:ConferenceSolutionKey requestId
  status:ConferenceRequestStatus
EntryPoint= accessCode entryPointFeatures entryPointType label meetingCode passcode password pin
  regionCode uri
Event= anyoneCanAddSelf attachments:EventAttachment attendees:EventAttendee attendeesOmitted
  birthdayProperties:EventBirthdayProperties colorId conferenceData:ConferenceData created
  creator:Event.creator description end:EventDateTime endTimeUnspecified etag eventLabelId
  eventType extendedProperties:Event.extendedProperties
  focusTimeProperties:EventFocusTimeProperties gadget:Event.gadget guestsCanInviteOthers
  guestsCanModify guestsCanSeeOtherGuests hangoutLink htmlLink iCalUID id kind location locked
  organizer:Event.organizer originalStartTime:EventDateTime
  outOfOfficeProperties:EventOutOfOfficeProperties privateCopy recurrence recurringEventId
  reminders:Event.reminders sequence source:Event.source start:EventDateTime status summary
  transparency updated visibility workingLocationProperties:EventWorkingLocationProperties
Event.creator= displayName email id self
Event.extendedProperties= private:* shared:*
Event.gadget= display height iconLink link preferences:* title type width
Event.organizer= displayName email id self
Event.reminders= overrides:EventReminder useDefault
Event.source= title url
EventAttachment= fileId fileUrl iconLink mimeType title
EventAttendee= additionalGuests asyncOperation comment displayName email id optional organizer
  resource responseStatus self
EventBirthdayProperties= contact customTypeName type
EventDateTime= date dateTime timeZone
EventFocusTimeProperties= autoDeclineMode chatStatus declineMessage
EventLabel= backgroundColor id name
EventOutOfOfficeProperties= autoDeclineMode declineMessage
EventReminder= method minutes
EventWorkingLocationProperties= customLocation:EventWorkingLocationProperties.customLocation
  homeOffice:* officeLocation:EventWorkingLocationProperties.officeLocation type
EventWorkingLocationProperties.customLocation= label
EventWorkingLocationProperties.officeLocation= buildingId deskId floorId floorSectionId label
Events= accessRole defaultReminders:EventReminder description etag items:Event kind nextPageToken
  nextSyncToken summary timeZone updated
LabelProperties= eventLabels:EventLabel
"""
