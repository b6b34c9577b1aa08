-- Takes the keys away, and the audit; what is listed and what was judged stays.
DROP TABLE ssmd.api_secret;
DROP TABLE ssmd.api_audit;
DROP FUNCTION ssmd.guard_audit();
DROP TABLE ssmd.api_usage;
DROP TABLE ssmd.api_key;
