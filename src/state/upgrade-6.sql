-- SPDX-License-Identifier: Apache-2.0
-- From schema 5 to 6. Nothing was known of what a layer's directory should be.
ALTER TABLE layer ADD COLUMN made TEXT NOT NULL DEFAULT '';
