-- Why a connection is ERROR (package connection): what its forge said of the credentials; empty otherwise.
ALTER TABLE connections ADD COLUMN problem TEXT NOT NULL DEFAULT '';
