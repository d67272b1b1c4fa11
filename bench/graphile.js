#!/usr/bin/env node
// The queue of graphile-worker, as fast as it goes: jobs are fetched 500 at a time into its local queue and
// completed in batches.
//   graphile.js DIR fill SOCKETS N    N pending jobs of four kinds, in the database `bench`
//   graphile.js DIR run SOCKETS MS    jobs per second, over MS
// DIR is where `npm install graphile-worker` was run, SOCKETS the directory of PostgreSQL's socket. Prints the
// figure alone.
'use strict';
const { createRequire } = require('module');
const path = require('path');

const [dir, verb, host, number] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(dir), 'x.js'));
const { run, runMigrations, Logger } = load('graphile-worker');
const { Pool } = load('pg');

const connection = { host, user: 'postgres', database: 'bench' };
const logger = new Logger(() => (level, text) => level === 'error' && console.error(text));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function fill(pgPool, n) {
	await runMigrations({ pgPool, logger });
	for (let made = 0; made < n; made += 10000) {
		await pgPool.query(
			`SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
			   SELECT ROW('kind' || i % 4, json_build_object('id', i), NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
			   FROM generate_series($1::int, $2::int) i))`, [made, Math.min(made + 10000, n) - 1]);
	}
	await pgPool.query('VACUUM ANALYZE');
}

async function rate(pgPool, ms) {
	let count = 0;
	const task = async () => { count++; };
	const runner = await run({
		pgPool, logger, noHandleSignals: true,
		taskList: { kind0: task, kind1: task, kind2: task, kind3: task },
		preset: { worker: { concurrentJobs: 24, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
	});
	while (count < 2000) {
		await sleep(5);
	}
	const begin = process.hrtime.bigint(), before = count;
	await sleep(ms);
	const figure = (count - before) / (Number(process.hrtime.bigint() - begin) / 1e9);
	await runner.stop();
	return figure;
}

async function main() {
	const pgPool = new Pool({ ...connection, max: 10 });

	pgPool.on('error', console.error);
	pgPool.on('connect', (client) => client.on('error', console.error));
	if (verb === 'fill') {
		await fill(pgPool, Number(number));
	} else {
		console.log((await rate(pgPool, Number(number))).toFixed(1));
	}
	await pgPool.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
