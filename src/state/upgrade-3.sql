-- SPDX-License-Identifier: Apache-2.0
-- From schema 2 to 3, but for the rows of volumes, which were directories alone (upgrade.c).
ALTER TABLE container ADD COLUMN restart_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE container ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
CREATE TABLE kept_blob (
    image_id      TEXT NOT NULL REFERENCES image(id),
    digest        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    PRIMARY KEY (image_id, digest)
) WITHOUT ROWID;
CREATE INDEX kept_blob_digest ON kept_blob(digest);
CREATE TABLE volume (
    name          TEXT PRIMARY KEY,
    created       INTEGER NOT NULL,
    anonymous     INTEGER NOT NULL,
    project       INTEGER NOT NULL DEFAULT 0,
    removing      INTEGER NOT NULL DEFAULT 0,
    labels        TEXT NOT NULL,
    options       TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE volume_use (
    volume        TEXT NOT NULL REFERENCES volume(name),
    container_id  TEXT NOT NULL REFERENCES container(id) ON DELETE CASCADE,
    PRIMARY KEY (volume, container_id)
) WITHOUT ROWID;
CREATE INDEX volume_use_container ON volume_use(container_id);
