-- Each upload says whether it was reviewed.
ALTER TABLE uploads ALTER COLUMN is_reviewed SET NOT NULL;
