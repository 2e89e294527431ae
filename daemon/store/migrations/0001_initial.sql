-- Jobs, their sealed secrets and results, and the ledger of every pair of accounts.
--
-- Times are microseconds since the epoch, UTC. UIDs and UIDVALIDITYs are 1 … 2^32-1.
-- Text in "wire" columns is exactly what the server spells; "utf8" columns are for people.

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL CHECK (host <> ''),    -- Resolved host, lower case.
    login TEXT NOT NULL CHECK (login <> ''),  -- The authorised identity, or the login, as sent.
    UNIQUE (host, login)
) STRICT;

-- Whose memory the ledger is: it outlives jobs.
CREATE TABLE pair (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES account,       -- Copied from.
    destination INTEGER NOT NULL REFERENCES account,  -- Copied to.
    UNIQUE (source, destination)
) STRICT;
CREATE INDEX pair_destination ON pair (destination);

CREATE TABLE job (
    -- Never used twice: it names completion mails.
    id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
    pair INTEGER NOT NULL REFERENCES pair,
    owner_uid INTEGER NOT NULL,              -- Who submitted it, by the bus driver's word.
    label TEXT NOT NULL,                     -- Free text of the submitter.
    language TEXT NOT NULL,                  -- Of the completion mail.
    completion_mail INTEGER NOT NULL CHECK (completion_mail IN (0, 1)),
    hold_at_start INTEGER NOT NULL CHECK (hold_at_start IN (0, 1)),  -- Submitted with --hold.
    keep_secrets_seconds INTEGER NOT NULL,   -- How long the secrets outlive the end; 0: not at all.
    not_before INTEGER NOT NULL,             -- Submitted with --at; 0: at once.
    below TEXT NOT NULL,                     -- Destination folder that receives the whole tree, or ''.
    created INTEGER NOT NULL,
    pass INTEGER NOT NULL DEFAULT 0,         -- Completed passes.
    secrets_until INTEGER NOT NULL DEFAULT 0,  -- When the kept secrets of an ended job are wiped.
    -- What JobUpdate writes.
    phase TEXT NOT NULL CHECK (phase IN ('queued', 'held', 'scheduled', 'connecting', 'planning', 'copying',
        'verifying', 'waiting', 'complete', 'complete with exceptions', 'failed', 'cancelled')),
    wait_reason TEXT NOT NULL DEFAULT '',    -- Why the phase is waiting; '' for none.
    wait_text TEXT NOT NULL DEFAULT '',      -- The same as a sentence.
    waiting_until INTEGER NOT NULL DEFAULT 0,  -- 0: nobody knows.
    attempt INTEGER NOT NULL DEFAULT 0,      -- Attempts begun.
    started INTEGER NOT NULL DEFAULT 0,      -- First attempt; 0: none yet.
    ended INTEGER,                           -- Set exactly in the four phases that end a job.
    last_activity INTEGER NOT NULL DEFAULT 0,
    folders_total INTEGER NOT NULL DEFAULT 0,
    folders_done INTEGER NOT NULL DEFAULT 0,
    messages_total INTEGER NOT NULL DEFAULT 0,
    messages_done INTEGER NOT NULL DEFAULT 0,
    messages_skipped INTEGER NOT NULL DEFAULT 0,
    bytes_total INTEGER NOT NULL DEFAULT 0,
    bytes_done INTEGER NOT NULL DEFAULT 0,
    bytes_per_second INTEGER NOT NULL DEFAULT 0,
    estimated_end INTEGER NOT NULL DEFAULT 0,
    current_folder TEXT NOT NULL DEFAULT '',
    error_code TEXT,                         -- Name below org.imapcopyd1.Error; NULL: no error.
    error_message TEXT,                      -- Ours.
    error_server_text TEXT,                  -- A server's, escaped.
    error_side TEXT CHECK (error_side IN ('source', 'destination')),
    error_pause_seconds INTEGER,             -- Pause that the server asked for; 0: none.
    CHECK ((phase IN ('complete', 'complete with exceptions', 'failed', 'cancelled')) = (ended IS NOT NULL)),
    CHECK (phase <> 'waiting' OR wait_reason <> ''),
    CHECK ((error_code IS NULL) = (error_message IS NULL)),
    CHECK ((error_code IS NULL) = (error_server_text IS NULL)),
    CHECK ((error_code IS NULL) = (error_pause_seconds IS NULL)),
    CHECK (error_code IS NOT NULL OR error_side IS NULL)
) STRICT;
-- "Todo for sync this account exists.": one unfinished job a pair.
CREATE UNIQUE INDEX job_unfinished ON job (pair) WHERE ended IS NULL;
CREATE INDEX job_pair ON job (pair);

-- The two accounts of a job as submitted and resolved; never a secret.
CREATE TABLE job_account (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    side TEXT NOT NULL CHECK (side IN ('source', 'destination')),
    provider TEXT NOT NULL,      -- Preset id, or ''.
    host TEXT NOT NULL,          -- Server that is connected to.
    port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
    tls TEXT NOT NULL CHECK (tls IN ('implicit', 'starttls', 'cleartext')),
    login TEXT NOT NULL,         -- As sent.
    address TEXT NOT NULL,       -- Mail address by which people look for the job.
    authorize_as TEXT NOT NULL,  -- SASL authorisation identity, or ''.
    auth TEXT NOT NULL CHECK (auth IN ('password', 'xoauth2')),
    tls_pin TEXT NOT NULL,       -- Hex SHA-256 of the public key that is trusted, or ''.
    PRIMARY KEY (job, side)
) STRICT, WITHOUT ROWID;

-- Which folders, and where to.
CREATE TABLE job_rule (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    position INTEGER NOT NULL,   -- Order within the job.
    kind TEXT NOT NULL CHECK (kind IN ('include', 'exclude', 'rename')),
    pattern TEXT NOT NULL,       -- Glob of source names; for rename the source name.
    target TEXT NOT NULL,        -- For rename the destination name, else ''.
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

-- Secrets at rest. A row disappears by secure deletion and a truncating checkpoint.
CREATE TABLE secret (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    side TEXT NOT NULL CHECK (side IN ('source', 'destination')),
    sealed BLOB NOT NULL,        -- Version, key check, nonce, ciphertext, tag; bound to job and side.
    PRIMARY KEY (job, side)
) STRICT;

-- The folders of a job's last complete pass.
CREATE TABLE folder_result (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    position INTEGER NOT NULL,     -- Order of the pass.
    source TEXT NOT NULL,          -- UTF-8.
    destination TEXT NOT NULL,     -- UTF-8.
    messages INTEGER NOT NULL,     -- At the source.
    copied INTEGER NOT NULL,       -- By this pass.
    recognised INTEGER NOT NULL,   -- Were at the destination already.
    exceptions INTEGER NOT NULL,   -- Rows of the table exception.
    bytes INTEGER NOT NULL,        -- Copied.
    created INTEGER NOT NULL CHECK (created IN (0, 1)),  -- The pass created the destination folder.
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

-- What did not come over in a job's last complete pass, and why.
CREATE TABLE exception (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    position INTEGER NOT NULL,   -- Order of the pass.
    folder TEXT NOT NULL,        -- Source folder, UTF-8.
    uid INTEGER NOT NULL,        -- 0: the folder as a whole.
    code TEXT NOT NULL,          -- Error name.
    size INTEGER NOT NULL,       -- Bytes.
    text TEXT NOT NULL,          -- One sentence; the server's words escaped.
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

-- A folder of a destination account, shared by all pairs that write to it.
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account,
    wire TEXT NOT NULL,
    UNIQUE (account, wire)
) STRICT;

-- A source folder and the destination folder it is copied into.
CREATE TABLE folder (
    id INTEGER PRIMARY KEY,
    pair INTEGER NOT NULL REFERENCES pair ON DELETE CASCADE,
    source_wire TEXT NOT NULL,
    source_utf8 TEXT NOT NULL,
    mailbox INTEGER NOT NULL REFERENCES mailbox,   -- The destination.
    destination_utf8 TEXT NOT NULL,
    source_uid_validity INTEGER NOT NULL DEFAULT 0,       -- Epoch of the current entries; 0: none yet.
    destination_uid_validity INTEGER NOT NULL DEFAULT 0,  -- 0: none yet.
    -- Status of both sides after the last complete pass; all NULL: none.
    source_complete_uid_validity INTEGER,
    source_complete_uid_next INTEGER,
    source_complete_messages INTEGER,
    source_complete_mod_seq INTEGER,
    destination_complete_uid_validity INTEGER,
    destination_complete_uid_next INTEGER,
    destination_complete_messages INTEGER,
    destination_complete_mod_seq INTEGER,
    UNIQUE (pair, source_wire, mailbox),
    CHECK ((source_complete_uid_validity IS NULL) = (destination_complete_uid_validity IS NULL))
) STRICT;
CREATE INDEX folder_mailbox ON folder (mailbox);

-- One source message.
--
--   (new) ──▶ 0 intent ──▶ 1 ambiguous ──▶ 2 done
--     │           └──────────────┴───────▶ 4 refused · 5 gone
--     └─────▶ 3 adopted · 4 refused · 5 gone          begin() leads back to 0 from anywhere
CREATE TABLE message (
    folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
    source_uid_validity INTEGER NOT NULL,   -- Epoch; the folder's, or an older one.
    source_uid INTEGER NOT NULL CHECK (source_uid BETWEEN 1 AND 4294967295),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),  -- copy::MessageState.
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),  -- SHA-256 over five headers.
    coarse INTEGER NOT NULL,                -- Hash over Message-ID and Date (64 bits, as signed); 0: both missing.
    size INTEGER NOT NULL,                  -- Bytes.
    date INTEGER NOT NULL,                  -- INTERNALDATE, seconds since the epoch.
    zone INTEGER NOT NULL,                  -- Its zone, minutes east of UTC.
    flags TEXT NOT NULL,                    -- As we set them, blank separated.
    unkept_flags TEXT NOT NULL,             -- The message had them, and the destination folder does not keep them.
    mailbox INTEGER NOT NULL REFERENCES mailbox,  -- The folder's destination; here for the index of claims.
    destination_uid_validity INTEGER NOT NULL,  -- That the intent or the claim is about; 0: unknown.
    destination_uid INTEGER CHECK (destination_uid BETWEEN 1 AND 4294967295),  -- The claim; NULL: unknown.
    base_uid_next INTEGER NOT NULL,         -- The destination's UIDNEXT before the first attempt; 0: none.
    attempt INTEGER NOT NULL,               -- Intents so far.
    code TEXT NOT NULL,                     -- Error name of a refusal, or of what the copy lacks; or ''.
    text TEXT NOT NULL,                     -- The same as a sentence, the server's words escaped.
    PRIMARY KEY (folder, source_uid_validity, source_uid),
    CHECK (destination_uid IS NULL OR (state IN (2, 3) AND destination_uid_validity > 0)),
    CHECK (state <> 0 OR attempt > 0),
    CHECK (state <> 4 OR code <> '')
) STRICT, WITHOUT ROWID;
-- No destination message is claimed by two source messages, whatever pair they belong to.
CREATE UNIQUE INDEX message_claim ON message (mailbox, destination_uid_validity, destination_uid)
    WHERE destination_uid IS NOT NULL;
CREATE INDEX message_open ON message (folder, source_uid_validity, source_uid) WHERE state IN (0, 1);
CREATE INDEX message_reported ON message (folder, source_uid_validity, source_uid)
    WHERE code <> '' AND state IN (2, 3, 4);
CREATE INDEX message_unkept ON message (folder, source_uid_validity, unkept_flags)
    WHERE unkept_flags <> '' AND state = 2;
CREATE INDEX message_without_uid ON message (folder, source_uid_validity, source_uid)
    WHERE state IN (2, 3) AND destination_uid IS NULL;

-- Completion mails. They outlive the job, so that later copies leave them out.
CREATE TABLE report (
    job INTEGER NOT NULL,        -- Perhaps forgotten since.
    pass INTEGER NOT NULL,       -- The pass that it reports.
    pair INTEGER NOT NULL REFERENCES pair ON DELETE CASCADE,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),  -- store::ReportState.
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    destination_uid_validity INTEGER NOT NULL,  -- Of the destination's INBOX; 0: unknown.
    base_uid_next INTEGER NOT NULL,             -- Its UIDNEXT before the first attempt; 0: unknown.
    destination_uid INTEGER NOT NULL,           -- 0: unknown.
    PRIMARY KEY (job, pass)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_pair ON report (pair);
