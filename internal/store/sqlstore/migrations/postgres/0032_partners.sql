-- Action types of partners (owner ThirdParty) lie beside the custom ones and share their jobs. No two of both have the same
-- category, provider and version.
ALTER TABLE custom_action_types ADD COLUMN owner TEXT NOT NULL DEFAULT 'Custom';
ALTER TABLE custom_action_types ADD COLUMN declaration TEXT NOT NULL DEFAULT ''; -- flow.PartnerType as JSON; empty for custom types
