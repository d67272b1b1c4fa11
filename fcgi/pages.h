/*
 * The handlers that the route table names, one file of fcgi/ per noun.
 */
#ifndef FCGI_PAGES_H
#define FCGI_PAGES_H

#include "fcgi/route.h"

route_handler page_home_show;                                      /* page_home.c */
route_handler page_jobs_table;                                     /* page_jobs.c */
route_handler page_options_show;                                   /* options.c */
route_handler page_job_create;                                     /* page_upload.c */
route_handler page_job_show;                                       /* page_job.c */
route_handler page_job_retry, page_job_cancel, page_job_delete;    /* page_action.c */
route_handler page_job_pause, page_job_resume;                     /* page_action.c */
route_handler page_job_move;                                       /* api_job.c */
route_handler api_job_show, api_job_move, api_job_statuses;        /* api_job.c */
route_handler page_file_input, page_file_output;                   /* page_file.c */
route_handler page_job_log;                                        /* page_log.c */
route_handler page_job_files;                                      /* page_files.c */
route_handler page_job_archive;                                    /* page_archive.c */
route_handler page_job_admit;                                      /* page_admit.c */
route_handler page_login_show, page_login, page_logout;            /* page_login.c */
route_handler page_link_show, page_link_use;                       /* page_login.c */
route_handler api_job_create, api_project_job_create;              /* page_upload.c */
route_handler api_jobs_list, api_job_status;                       /* api_list.c */
route_handler api_work_claim, api_work_heartbeat;                  /* api_work.c */
route_handler api_work_progress, api_work_complete;                /* api_work.c */
route_handler api_work_fail;                                       /* api_work.c */
route_handler page_job_detail;                                     /* page_job.c */
route_handler page_processing_delete;                              /* page_action.c */
route_handler api_openapi, page_docs;                              /* page_docs.c */
route_handler page_jobs_bulk;                                      /* page_bulk.c */
route_handler page_metrics;                                        /* page_metrics.c */
route_handler page_health_live, page_health_ready;                 /* page_health.c */
route_handler page_home_show;                                      /* page_home.c */
route_handler page_jobs_table;                                     /* page_jobs.c */
route_handler page_options_show;                                   /* options.c */
route_handler page_job_create;                                     /* page_upload.c */
route_handler page_job_show;                                       /* page_job.c */
route_handler page_job_retry, page_job_cancel, page_job_delete;    /* page_action.c */
route_handler page_job_pause, page_job_resume;                     /* page_action.c */
route_handler page_job_move;                                       /* api_job.c */
route_handler api_job_show, api_job_move, api_job_statuses;        /* api_job.c */
route_handler page_file_input, page_file_output;                   /* page_file.c */
route_handler page_job_log;                                        /* page_log.c */
route_handler page_job_files;                                      /* page_files.c */
route_handler page_job_archive;                                    /* page_archive.c */
route_handler page_job_admit;                                      /* page_admit.c */
route_handler page_login_show, page_login, page_logout;            /* page_login.c */
route_handler page_link_show, page_link_use;                       /* page_login.c */
route_handler page_account_show, page_account_password;            /* page_account.c */
route_handler page_session_end, page_sessions_end;                 /* page_account.c */
route_handler page_token_create, page_token_revoke;                /* page_tokens.c */
route_handler page_user_token_revoke;                              /* page_tokens.c */
route_handler page_projects_show, page_project_create;             /* page_projects.c */
route_handler page_project_rename, page_project_delete;            /* page_projects.c */
route_handler page_admin_show;                                     /* page_admin.c */
route_handler page_type_show, page_type_pause, page_type_resume;   /* page_types.c */
route_handler page_users_show, page_user_create, page_user_show;   /* page_users.c */
route_handler page_user_role, page_user_disable, page_user_enable; /* page_user.c */
route_handler page_user_link, page_user_limit;                     /* page_user.c */
route_handler page_orgs_show, page_org_create;                     /* page_orgs.c */
route_handler page_org_show, page_org_limits;                      /* page_orgs.c */
route_handler page_audit_show;                                     /* page_audit.c */
route_handler page_health_live, page_health_ready;                 /* page_health.c */

#endif
