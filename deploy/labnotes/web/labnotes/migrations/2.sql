-- Uploads have tags. Releases that know nothing of them go on: the column has a default.
ALTER TABLE uploads ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
CREATE INDEX uploads_tags ON uploads USING gin (tags);
