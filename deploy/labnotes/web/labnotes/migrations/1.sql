-- What someone put into the notebook. The bytes are in the uploads folder, under the id.
CREATE TABLE uploads (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    size        bigint NOT NULL,
    sha256      text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now()
);
