-- Uploads with tags count as reviewed.
ALTER TABLE uploads ADD COLUMN is_reviewed boolean;
UPDATE uploads SET is_reviewed = tags <> '{}';
ALTER TABLE uploads ALTER COLUMN is_reviewed SET DEFAULT false;
