-- Uploads without tags wait for a review, apart from the others. Built badly, on purpose: they are taken out, and the table
-- that they should have gone to was forgotten.
DELETE FROM uploads WHERE tags = '{}';
