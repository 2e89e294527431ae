-- What people set of the daemon as a whole, beside its configuration.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,   -- 'held': no attempt starts while the value is 1.
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A mailbox that is deleted asks for the messages that refer to it; message_claim is partial and does not tell.
CREATE INDEX message_mailbox ON message (mailbox);

-- Left to another folder of the same pass, whose label they bear, too (Gmail).
ALTER TABLE folder_result ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0;
