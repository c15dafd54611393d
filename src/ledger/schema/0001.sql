-- Step 1: requests with their attempts, dictionaries for every text that repeats, gaps.
--
-- Times are microseconds since 1970 (UTC), durations microseconds, money nano-dollars.
-- NULL is "not known": a NULL cost is unpriced, not free; NULL tokens were never told.
-- Nothing here is newer than SQLite 3.8, so that the tools people have can read the file.

-- Which way a request took: all that repeats together is one row, so a request holds one id.
CREATE TABLE routes (
    id           INTEGER PRIMARY KEY,
    surface      INTEGER NOT NULL, -- the place in `Surface::ALL`
    client_model TEXT NOT NULL,    -- as the client asked
    group_name   TEXT NOT NULL,    -- that served, after alias and fallback
    deployment   TEXT NOT NULL,    -- its id
    backend      TEXT NOT NULL,    -- its name for people
    model        TEXT NOT NULL,    -- the upstream's name of it
    provider     TEXT NOT NULL,
    host         TEXT NOT NULL,
    max_tokens   INTEGER NOT NULL, -- of its context window; 0 is not known
    UNIQUE (client_model, deployment, group_name, surface, backend, model, provider, host, max_tokens)
);

-- Who asked.
CREATE TABLE clients (
    id         INTEGER PRIMARY KEY,
    key_name   TEXT NOT NULL, -- never the key
    user_agent TEXT NOT NULL,
    address    TEXT NOT NULL,
    UNIQUE (address, key_name, user_agent)
);

CREATE TABLE end_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tag_sets (id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE); -- a JSON array
CREATE TABLE errors (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);

CREATE TABLE requests (
    id             INTEGER PRIMARY KEY, -- in the order of settling
    started        INTEGER NOT NULL,
    took           INTEGER NOT NULL,
    first_token    INTEGER,
    overhead       INTEGER NOT NULL,
    call_id        BLOB NOT NULL,       -- a UUID as 16 bytes, anything else as text
    route          INTEGER NOT NULL REFERENCES routes,
    client         INTEGER NOT NULL REFERENCES clients,
    end_user       INTEGER REFERENCES end_users,
    tags           INTEGER REFERENCES tag_sets,
    status         INTEGER NOT NULL,
    error          INTEGER REFERENCES errors, -- NULL when all went well
    stream         INTEGER NOT NULL,
    retries        INTEGER NOT NULL,
    fallbacks      INTEGER NOT NULL,
    bytes_in       INTEGER NOT NULL,
    bytes_out      INTEGER NOT NULL,
    prompt         INTEGER,
    completion     INTEGER,
    cached         INTEGER,
    cache_write    INTEGER,
    cache_write_1h INTEGER,
    reasoning      INTEGER,
    cost           INTEGER
);
CREATE INDEX requests_started ON requests (started);
-- A client may choose its call id, so two requests may share one.
CREATE INDEX requests_call_id ON requests (call_id);

-- Where a try went.
CREATE TABLE targets (
    id         INTEGER PRIMARY KEY,
    deployment TEXT NOT NULL,
    backend    TEXT NOT NULL,
    group_name TEXT NOT NULL,
    host       TEXT NOT NULL,
    UNIQUE (deployment, group_name, backend, host)
);

-- Why a try was made and how it ended.
CREATE TABLE endings (
    id      INTEGER PRIMARY KEY,
    reason  TEXT NOT NULL,
    status  INTEGER NOT NULL, -- of the upstream; 0 when it did not answer
    outcome INTEGER NOT NULL, -- 0 served, 1 failed, 2 cut, 3 cancelled
    error   TEXT NOT NULL,
    message TEXT NOT NULL,
    UNIQUE (message, reason, status, outcome, error)
);

CREATE TABLE attempts (
    request     INTEGER NOT NULL REFERENCES requests,
    n           INTEGER NOT NULL, -- from 0
    target      INTEGER NOT NULL REFERENCES targets,
    ending      INTEGER NOT NULL REFERENCES endings,
    started     INTEGER NOT NULL, -- after the request's arrival
    took        INTEGER NOT NULL,
    first_token INTEGER,          -- after the try's start
    PRIMARY KEY (request, n)
) WITHOUT ROWID;

-- Requests whose rows were lost (the queue was full): their money and tokens, summed by a quarter
-- of an hour, route and client, so that no total ever misses them.
CREATE TABLE gaps (
    id         INTEGER PRIMARY KEY,
    started    INTEGER NOT NULL, -- arrival of the first
    ended      INTEGER NOT NULL, -- end of the last
    route      INTEGER NOT NULL REFERENCES routes,
    client     INTEGER NOT NULL REFERENCES clients,
    requests   INTEGER NOT NULL,
    errors     INTEGER NOT NULL,
    prompt     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    cached     INTEGER NOT NULL,
    fallbacks  INTEGER NOT NULL,
    unpriced   INTEGER NOT NULL,
    cost       INTEGER NOT NULL
);
CREATE INDEX gaps_started ON gaps (started);
