-- What the last attempt moved between memory and disk; see cpu_ms.
ALTER TABLE jobs ADD COLUMN io_read_bytes INTEGER;
ALTER TABLE jobs ADD COLUMN io_write_bytes INTEGER;
