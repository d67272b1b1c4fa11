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

/* What runs: processor, web pool, nginx. */
void doctor_services(void);

#endif
