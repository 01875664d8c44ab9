"""The names in People's answers, as its discovery document has them; see `tables`."""

FIELDS = """
Address= city country countryCode extendedAddress formattedType formattedValue
  metadata:FieldMetadata poBox postalCode region streetAddress type
AgeRangeType= ageRange metadata:FieldMetadata
Biography= contentType metadata:FieldMetadata value
Birthday= date:Date metadata:FieldMetadata text
BraggingRights= metadata:FieldMetadata value
CalendarUrl= formattedType metadata:FieldMetadata type url
ClientData= key metadata:FieldMetadata value
ContactGroupMembership= contactGroupId contactGroupResourceName
CoverPhoto= default metadata:FieldMetadata url
Date= day month year
DomainMembership= inViewerDomain
EmailAddress= displayName formattedType metadata:FieldMetadata type value
Event= date:Date formattedType metadata:FieldMetadata type
ExternalId= formattedType metadata:FieldMetadata type value
FieldMetadata= primary source:Source sourcePrimary verified
FileAs= metadata:FieldMetadata value
Gender= addressMeAs formattedValue metadata:FieldMetadata value
GetPeopleResponse= responses:PersonResponse
ImClient= formattedProtocol formattedType metadata:FieldMetadata protocol type username
Interest= metadata:FieldMetadata value
ListConnectionsResponse= connections:Person nextPageToken nextSyncToken totalItems totalPeople
Locale= metadata:FieldMetadata value
Location= buildingId current deskCode floor floorSection metadata:FieldMetadata type value
Membership= contactGroupMembership:ContactGroupMembership domainMembership:DomainMembership
  metadata:FieldMetadata
MiscKeyword= formattedType metadata:FieldMetadata type value
Name= displayName displayNameLastFirst familyName givenName honorificPrefix honorificSuffix
  metadata:FieldMetadata middleName phoneticFamilyName phoneticFullName phoneticGivenName
  phoneticHonorificPrefix phoneticHonorificSuffix phoneticMiddleName unstructuredName
Nickname= metadata:FieldMetadata type value
Occupation= metadata:FieldMetadata value
Organization= costCenter current department domain endDate:Date formattedType
  fullTimeEquivalentMillipercent jobDescription location metadata:FieldMetadata name phoneticName
  startDate:Date symbol title type
Person= addresses:Address ageRange ageRanges:AgeRangeType biographies:Biography birthdays:Birthday
  braggingRights:BraggingRights calendarUrls:CalendarUrl clientData:ClientData
  coverPhotos:CoverPhoto emailAddresses:EmailAddress etag events:Event externalIds:ExternalId
  fileAses:FileAs genders:Gender imClients:ImClient interests:Interest locales:Locale
  locations:Location memberships:Membership metadata:PersonMetadata miscKeywords:MiscKeyword
  names:Name nicknames:Nickname occupations:Occupation organizations:Organization
  phoneNumbers:PhoneNumber photos:Photo relations:Relation
  relationshipInterests:RelationshipInterest relationshipStatuses:RelationshipStatus
  residences:Residence resourceName sipAddresses:SipAddress skills:Skill taglines:Tagline urls:Url
  userDefined:UserDefined
PersonMetadata= deleted linkedPeopleResourceNames objectType previousResourceNames sources:Source
PersonResponse= httpStatusCode person:Person requestedResourceName status:Status
PhoneNumber= canonicalForm formattedType metadata:FieldMetadata type value
Photo= default metadata:FieldMetadata url
ProfileMetadata= objectType userTypes
Relation= formattedType metadata:FieldMetadata person type
RelationshipInterest= formattedValue metadata:FieldMetadata value
RelationshipStatus= formattedValue metadata:FieldMetadata value
Residence= current metadata:FieldMetadata value
SearchResponse= results:SearchResult
SearchResult= person:Person
SipAddress= formattedType metadata:FieldMetadata type value
Skill= metadata:FieldMetadata value
Source= etag id profileMetadata:ProfileMetadata type updateTime
Status= code details:* message
Tagline= metadata:FieldMetadata value
Url= formattedType metadata:FieldMetadata type value
UserDefined= key metadata:FieldMetadata value
"""
