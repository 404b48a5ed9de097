"""The store: tables, the database behind them, migrations, retention and deletion; SQLite by default, PostgreSQL by URL."""
