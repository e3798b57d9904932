-- sql/functions.sql in Spark's dialect: the same digits (see there for what each is).
-- `div` returns a BIGINT, which is too small for 10^20: the last two digits are divided apart.
CREATE TEMPORARY FUNCTION half_up(a DECIMAL(38, 0), b DECIMAL(38, 0)) RETURNS DECIMAL(20, 10) RETURN
  CAST((CAST(a div (b * 100) AS DECIMAL(20, 0)) * 100 + (a % (b * 100)) div b + CASE WHEN 2 * (a % b) >= b THEN 1 ELSE 0 END)
       * CAST('0.0000000001' AS DECIMAL(10, 10)) AS DECIMAL(20, 10));
CREATE TEMPORARY FUNCTION average_price(price_sum DECIMAL(38, 10), trade_count BIGINT) RETURNS DECIMAL(20, 10) RETURN
  half_up(CAST(replace(CAST(price_sum AS STRING), '.', '') AS DECIMAL(38, 0)), CAST(trade_count AS DECIMAL(38, 0)));
CREATE TEMPORARY FUNCTION average_by_volume(notional DECIMAL(38, 18), volume DECIMAL(38, 8)) RETURNS DECIMAL(20, 10) RETURN
  CASE WHEN volume > 0 THEN half_up(CAST(replace(CAST(notional AS STRING), '.', '') AS DECIMAL(38, 0)),
                                    CAST(replace(CAST(volume AS STRING), '.', '') AS DECIMAL(38, 0))) END;
CREATE TEMPORARY FUNCTION window_start_of(time_us BIGINT, size_us BIGINT) RETURNS BIGINT RETURN
  time_us - ((time_us % size_us) + size_us) % size_us;
CREATE TEMPORARY FUNCTION utc(us BIGINT) RETURNS TIMESTAMP_NTZ RETURN CAST(timestamp_micros(us) AS TIMESTAMP_NTZ);
