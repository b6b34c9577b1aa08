-- Takes the verdicts away; what is listed stays.
DROP TABLE ssmd.dq_trades_run;
DROP TABLE ssmd.dq_finding;
DROP TABLE ssmd.dq_daily_scores;
