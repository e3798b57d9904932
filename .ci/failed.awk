# From what bun test printed: what belongs to tests that failed, of each the last 100 lines, with its file.
# A test's own output and its error stand before the line with its name.
function show(  i) {
  print file
  for (i = (n > 100 ? n - 100 : 0); i < n; i++) print lines[i % 100]
  n = 0
}
/\.test\.ts:$/ { file = "\n" $0; n = 0; next }
/^\((pass|skip)\)/ { n = 0; next }
/^  \^ this test/ { print; next }
{ lines[n++ % 100] = $0 }
/^\(fail\)|^✗|^-------------------------------$/ { show() }
