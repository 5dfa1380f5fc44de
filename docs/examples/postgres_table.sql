-- The table that docs/examples/postgres_table.py keeps in step with a namespace, and the one place that writes it.

CREATE TABLE IF NOT EXISTS books (
    id         text PRIMARY KEY,
    version    text COLLATE "C" NOT NULL,
    metadata   jsonb NOT NULL,
    expires_at timestamptz
);

CREATE TABLE IF NOT EXISTS feed_cursors (
    namespace text PRIMARY KEY,
    cursor    text NOT NULL
);

-- A page of changes and the cursor after it, in one transaction: so each change is there exactly once, whatever happens
-- to whoever reads the feed. Versions are compared as text, which is their order: what the other of two sites wrote may
-- come late.
CREATE OR REPLACE FUNCTION apply_changes(of text, changes jsonb, after text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    change jsonb;
BEGIN
    FOR change IN SELECT * FROM jsonb_array_elements(changes) LOOP
        CASE change ->> 'kind'
        WHEN 'upsert' THEN
            INSERT INTO books VALUES (
                change ->> 'id', change ->> 'version', change -> 'metadata', (change ->> 'expires_at')::timestamptz
            )
            ON CONFLICT (id) DO UPDATE SET
                version = excluded.version, metadata = excluded.metadata, expires_at = excluded.expires_at
            WHERE books.version COLLATE "C" < excluded.version COLLATE "C";
        WHEN 'patch' THEN
            UPDATE books SET
                version = change ->> 'version',
                metadata = (metadata || (change -> 'set')) - ARRAY(SELECT jsonb_array_elements_text(change -> 'unset')),
                expires_at = CASE WHEN change ? 'expires_at' THEN (change ->> 'expires_at')::timestamptz ELSE expires_at END
            WHERE id = change ->> 'id' AND version < change ->> 'version' COLLATE "C";
        WHEN 'delete' THEN
            DELETE FROM books WHERE id = change ->> 'id' AND version < change ->> 'version' COLLATE "C";
        WHEN 'expire' THEN
            -- The version is that of the record which expired. A later one was written since.
            DELETE FROM books WHERE id = change ->> 'id' AND version <= change ->> 'version' COLLATE "C";
        END CASE;
    END LOOP;
    INSERT INTO feed_cursors VALUES (of, after)
    ON CONFLICT (namespace) DO UPDATE SET cursor = excluded.cursor;
END
$$;

-- Everything anew: what is in the namespace now, and nothing else. The changes that come after `after` follow.
CREATE OR REPLACE FUNCTION replace_all(of text, records jsonb, after text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM books;
    INSERT INTO books SELECT one ->> 'id', one ->> 'version', one -> 'metadata', (one ->> 'expires_at')::timestamptz
        FROM jsonb_array_elements(records) AS one;
    INSERT INTO feed_cursors VALUES (of, after)
    ON CONFLICT (namespace) DO UPDATE SET cursor = excluded.cursor;
END
$$;
