-- A message may be stored without something that the destination refused; the report names it like those that are
-- refused as a whole.
DROP INDEX message_refused;
CREATE INDEX message_noted ON message (folder, source_uid_validity, source_uid) WHERE code <> '';
