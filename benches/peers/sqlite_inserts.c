/* The least that storing a sweep can cost: a bare SQLite program that writes the same rows into the same tables.

       gcc -O2 -o sqlite_inserts sqlite_inserts.c -lsqlite3
       ./sqlite_inserts STORE NEW [TRIALS]

   Reads everything that STORE (made by `sweep run`) holds into memory. Then, timed: makes NEW with the same schema, in
   WAL mode with `synchronous = FULL`, and inserts every row, in transactions of TRIALS (100) trials, with prepared
   statements; a trial's rows are its config, params, trial, attempt, metrics and series. Each row is written once, as it
   is in the end, without foreign keys, and nothing is read back. Prints the seconds that this took and the rows. */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TABLES = 6, MOST_COLUMNS = 16 };

/* The tables of a trial, and the query that gives their rows with the trial that they belong to in the first column. */
static const struct {
    const char *name, *rows;
} tables[TABLES] = {
    {"configs", "SELECT min(t.id), c.* FROM configs c JOIN trial_rows t ON t.config = c.id GROUP BY c.id ORDER BY 1"},
    {"param_rows", "SELECT (SELECT min(t.id) FROM trial_rows t WHERE t.config = p.config), p.* FROM param_rows p ORDER BY 1, p.place"},
    {"trial_rows", "SELECT t.id, t.* FROM trial_rows t ORDER BY 1"},
    {"attempts", "SELECT a.trial, a.* FROM attempts a ORDER BY 1"},
    {"metric_rows", "SELECT a.trial, m.* FROM metric_rows m JOIN attempts a ON a.id = m.attempt ORDER BY 1, m.name"},
    {"series_chunks", "SELECT a.trial, s.* FROM series_chunks s JOIN attempts a ON a.id = s.attempt ORDER BY 1, s.name, s.chunk"},
};

typedef struct {
    sqlite3_int64 trial;
    sqlite3_value *values[MOST_COLUMNS];
} Row;

typedef struct {
    Row *rows;
    size_t count, next;
    int columns;
    sqlite3_stmt *insert;
} Table;

static void fail(sqlite3 *db, const char *what) {
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
}

static void run(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail(db, sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) fail(db, sql);
    return statement;
}

static void read_table(sqlite3 *db, const char *query, Table *table) {
    sqlite3_stmt *select = prepare(db, query);
    size_t room = 0;
    table->columns = sqlite3_column_count(select) - 1;
    while (sqlite3_step(select) == SQLITE_ROW) {
        if (table->count == room) table->rows = realloc(table->rows, (room = room ? 2 * room : 1024) * sizeof(Row));
        Row *row = &table->rows[table->count++];
        row->trial = sqlite3_column_int64(select, 0);
        for (int i = 0; i < table->columns; i++) row->values[i] = sqlite3_value_dup(sqlite3_column_value(select, i + 1));
    }
    sqlite3_finalize(select);
}

static void prepare_insert(sqlite3 *db, const char *name, Table *table) {
    char sql[256];
    int used = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?1", name);
    for (int i = 2; i <= table->columns; i++) used += snprintf(sql + used, sizeof sql - used, ", ?%d", i);
    snprintf(sql + used, sizeof sql - used, ")");
    table->insert = prepare(db, sql);
}

static void insert(sqlite3 *db, Table *table, const Row *row) {
    for (int i = 0; i < table->columns; i++) sqlite3_bind_value(table->insert, i + 1, row->values[i]);
    if (sqlite3_step(table->insert) != SQLITE_DONE) fail(db, "insert");
    sqlite3_reset(table->insert);
}

int main(int count, char **words) {
    if (count < 3) return fprintf(stderr, "sqlite_inserts STORE NEW [TRIALS]\n"), 2;
    int group = count > 3 ? atoi(words[3]) : 100;

    sqlite3 *db;
    if (sqlite3_open_v2(words[1], &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) fail(db, words[1]);
    Table read[TABLES] = {0};
    for (int i = 0; i < TABLES; i++) read_table(db, tables[i].rows, &read[i]);
    char *schema[64];
    int objects = 0;
    sqlite3_stmt *select = prepare(
        db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type <> 'table', rowid");
    while (objects < 64 && sqlite3_step(select) == SQLITE_ROW)
        schema[objects++] = strdup((const char *)sqlite3_column_text(select, 0));
    sqlite3_finalize(select);
    sqlite3_close(db);

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (sqlite3_open(words[2], &db) != SQLITE_OK) fail(db, words[2]);
    run(db, "PRAGMA journal_mode = WAL");
    run(db, "PRAGMA synchronous = FULL");
    run(db, "BEGIN");
    for (int i = 0; i < objects; i++) run(db, schema[i]);
    run(db, "COMMIT");
    for (int i = 0; i < TABLES; i++) prepare_insert(db, tables[i].name, &read[i]);
    Table *trials = &read[2];
    size_t rows = 0;
    for (size_t trial = 0; trial < trials->count; trial++) {
        if (trial % group == 0) run(db, "BEGIN");
        sqlite3_int64 id = trials->rows[trial].trial;
        for (int i = 0; i < TABLES; i++) {
            Table *table = &read[i];
            for (; table->next < table->count && table->rows[table->next].trial <= id; rows++)
                insert(db, table, &table->rows[table->next++]);
        }
        if (trial % group == (size_t)group - 1 || trial + 1 == trials->count) run(db, "COMMIT");
    }
    for (int i = 0; i < TABLES; i++) sqlite3_finalize(read[i].insert);
    if (sqlite3_close(db) != SQLITE_OK) fail(db, "close");
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f %zu\n", (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec), rows);
    return 0;
}
