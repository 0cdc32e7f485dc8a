-- Functions. Owned by internal/function. Their code lies in files.

CREATE TABLE functions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    code       TEXT NOT NULL, -- names the file of the code; empty: it is called at a URL
    definition TEXT NOT NULL  -- function.Function as JSON, its environment in clear
) STRICT;
