-- SPDX-License-Identifier: Apache-2.0
-- From schema 4 to 5. An image had one manifest, whatever it was called.
CREATE TABLE image_manifest (
    image_id      TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    manifest      TEXT NOT NULL,
    PRIMARY KEY (image_id, digest)
) WITHOUT ROWID;
INSERT INTO image_manifest SELECT id, manifest_digest, media_type, manifest FROM image;
ALTER TABLE image DROP COLUMN manifest;
ALTER TABLE image DROP COLUMN media_type;
ALTER TABLE image_name RENAME TO image_name_4;
CREATE TABLE image_name (
    name          TEXT PRIMARY KEY,
    image_id      TEXT NOT NULL REFERENCES image(id),
    manifest_digest TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO image_name SELECT n.name, n.image_id, i.manifest_digest FROM image_name_4 n JOIN image i ON i.id = n.image_id;
DROP TABLE image_name_4;
CREATE INDEX image_name_image ON image_name(image_id);
ALTER TABLE image_digest RENAME TO image_digest_4;
CREATE TABLE image_digest (
    repository    TEXT NOT NULL,
    digest        TEXT NOT NULL,
    image_id      TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE,
    manifest_digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
INSERT INTO image_digest SELECT d.repository, d.digest, d.image_id, i.manifest_digest FROM image_digest_4 d JOIN image i ON i.id = d.image_id;
DROP TABLE image_digest_4;
CREATE INDEX image_digest_image ON image_digest(image_id);
