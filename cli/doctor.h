/*
 * What the checks of `dropmill doctor` share: findings are noted as they are made.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* Note a finding about a subject ("nginx", "database"). advice: what to do, NULL when nothing is.
 */
void doctor_note(enum doctor_level level, const char *subject, const char *advice, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* The machine: programs, their versions, the sandbox. Runs as whoever called. */
void doctor_host(void);

/* What Dropmill keeps: directories, disk, database, job types. Runs as the owner of the state. */
void doctor_state(void);

/* Who may come in. db NULL: it cannot be opened. */
struct db;
void doctor_identity(struct db *db);

/* The address nginx was told to listen at, "127.0.0.1:8080", from the file scripts/run wrote for
 * it; NULL: it was set up by other means. */
const char *doctor_listen(void);

/* What runs: processor, web pool, nginx. */
void doctor_services(void);

#endif
