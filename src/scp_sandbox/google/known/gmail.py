"""The names in Gmail's answers, as its discovery document has them; see `tables`."""

FIELDS = """
ClassificationLabelFieldValue= fieldId selection
ClassificationLabelValue= fields:ClassificationLabelFieldValue labelId
History= id labelsAdded:HistoryLabelAdded labelsRemoved:HistoryLabelRemoved messages:Message
  messagesAdded:HistoryMessageAdded messagesDeleted:HistoryMessageDeleted
HistoryLabelAdded= labelIds message:Message
HistoryLabelRemoved= labelIds message:Message
HistoryMessageAdded= message:Message
HistoryMessageDeleted= message:Message
Label= color:LabelColor id labelListVisibility messageListVisibility messagesTotal messagesUnread
  name threadsTotal threadsUnread type
LabelColor= backgroundColor textColor
ListHistoryResponse= history:History historyId nextPageToken
ListLabelsResponse= labels:Label
ListMessagesResponse= messages:Message nextPageToken resultSizeEstimate
ListThreadsResponse= nextPageToken resultSizeEstimate threads:Thread
Message= classificationLabelValues:ClassificationLabelValue historyId id internalDate labelIds
  payload:MessagePart raw sizeEstimate snippet threadId
MessagePart= body:MessagePartBody filename headers:MessagePartHeader mimeType partId
  parts:MessagePart
MessagePartBody= attachmentId data size
MessagePartHeader= name value
Profile= emailAddress historyId messagesTotal threadsTotal
Thread= historyId id messages:Message snippet
WatchResponse= expiration historyId
"""
