-- In ticks.db after a prune: which trades were there, so that a duplicate is still refused.
CREATE TABLE IF NOT EXISTS pruned_ids (
  product_id TEXT NOT NULL, block INTEGER NOT NULL,         -- trade_id / 4096
  digits TEXT,                                              -- 1,024 hexadecimal digits, four ids each, the smallest in the lowest bit; null: all were there
  PRIMARY KEY (product_id, block)
) STRICT, WITHOUT ROWID;
-- The same for blocks with few ids, where 1,024 digits would be a kilobyte for each of them.
CREATE TABLE IF NOT EXISTS pruned_few (
  product_id TEXT NOT NULL, block INTEGER NOT NULL, trade_id INTEGER NOT NULL,
  PRIMARY KEY (product_id, block, trade_id)
) STRICT, WITHOUT ROWID;
-- An older version's trigger knows the first table only.
DROP TRIGGER IF EXISTS refuse_pruned;
CREATE TRIGGER refuse_pruned BEFORE INSERT ON ticks
WHEN EXISTS (
  SELECT 1 FROM pruned_ids
  WHERE product_id = NEW.product_id AND block = NEW.trade_id / 4096
    AND (digits IS NULL OR (instr('0123456789ABCDEF', substr(digits, NEW.trade_id % 4096 / 4 + 1, 1)) - 1) >> (NEW.trade_id % 4) & 1)
) OR EXISTS (
  SELECT 1 FROM pruned_few WHERE product_id = NEW.product_id AND block = NEW.trade_id / 4096 AND trade_id = NEW.trade_id
)
BEGIN SELECT RAISE(IGNORE); END;
