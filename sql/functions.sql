-- Functions for metrics. Division is exact, with the stream's digits (scripts/base/decimal.ts):
-- integers, rounded half up to ten decimals.
CREATE MACRO units(x) AS CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT);
CREATE MACRO half_up(a, b) AS CAST(
  CAST(CAST(a AS HUGEINT) // CAST(b AS HUGEINT) + CASE WHEN 2 * (CAST(a AS HUGEINT) % CAST(b AS HUGEINT)) >= CAST(b AS HUGEINT) THEN 1 ELSE 0 END
    AS DECIMAL(20, 0)) * CAST('0.0000000001' AS DECIMAL(10, 10))
  AS DECIMAL(20, 10));
-- price_sum has 10 decimals, notional 18, volume 8: both quotients are in units of 1e-10.
CREATE MACRO average_price(price_sum, trade_count) AS half_up(units(price_sum), trade_count);
CREATE MACRO average_by_volume(notional, volume) AS CASE WHEN volume > 0 THEN half_up(units(notional), units(volume)) END;
-- Sum of a DECIMAL(38,18), as Spark's try_sum: null beyond 10^20, or where a part of it is null.
-- Whole parts and fractions are summed apart, so that one product's overflow fails nothing else.
CREATE MACRO try_sum(x) AS CASE
  WHEN count(*) = count(x)
    AND sum(CAST(trunc(x) AS DECIMAL(38, 0))) + CAST(sum(x - trunc(x)) AS DECIMAL(38, 0)) < CAST('99999999999999999999' AS DECIMAL(38, 0))
  THEN CAST(sum(CAST(trunc(x) AS DECIMAL(38, 0))) AS DECIMAL(38, 18)) + sum(x - trunc(x)) END;
-- The start of the window of `size_us` microseconds with `time_us` in it; floor, also before 1970.
CREATE MACRO window_start_of(time_us, size_us) AS time_us - ((time_us % size_us) + size_us) % size_us;
CREATE MACRO utc(us) AS make_timestamp(us);
