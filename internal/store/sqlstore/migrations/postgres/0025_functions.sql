-- Functions. Owned by internal/function. Their code lies in files.

CREATE TABLE functions (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    code       TEXT NOT NULL, -- names the file of the code; empty: it is called at a URL
    definition TEXT NOT NULL  -- function.Function as JSON, its environment in clear
);
