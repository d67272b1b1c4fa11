#!/usr/bin/env node
// Mustache against hogan.js, compiled, and mustache.js: renders a second of a table of 25 jobs, medians
// of rounds that take turns. First all must print the same. With --json one object, else a table.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const top = path.dirname(__dirname);
const ours = path.join(path.resolve(top, process.env.BUILD || 'build'), 'bench', 'mustache');
const file = path.join(__dirname, 'table.mustache');
const template = fs.readFileSync(file, 'utf8');
const seconds = Number(process.env.BENCH_SECONDS || 1);
const rounds = Number(process.env.BENCH_ROUNDS || 5);
const hogan = require('hogan.js').compile(template);
const mustache = require('mustache');

const states = ['pending', 'processing', 'completed', 'failed'];
const data = { version: 4711, base: '', jobs: [] };
for (let i = 0; i < 25; i++) {
	data.jobs.push({
		id: 100000 + i, uuid: '0199a0de-4a7c-7cc1-b0f5-0a1b2c3d4e5f',
		name: 'quarterly report & figures.csv', project: 'default', type: 'csv-profile',
		status: states[i % 4], percent: i * 4, progress: i % 4 === 1, step: 'row 12,000 of 48,000',
		size: '1.4 MB', created: '2026-01-02T03:04:05Z', started: '2026-01-02T03:04:06Z',
		completed: null, retries: 0, total: 48000, processed: 12000, rejected: 3, error: null,
		by: 'operator', actions: ['cancel', 'retry'],
	});
}
const json = JSON.stringify(data);

function here(render) {
	const begin = process.hrtime.bigint();
	let count = 0, spent;
	do {
		for (let i = 0; i < 100; i++, count++)
			render();
		spent = Number(process.hrtime.bigint() - begin) / 1e9;
	} while (spent < seconds);
	return count / spent;
}

function child(...args) {
	return execFileSync(ours, [...args, String(seconds), file], { input: json, encoding: 'utf8' });
}

const contenders = {
	dropmill: () => Number(child()),
	'dropmill, view built each time': () => Number(child('--build')),
	'hogan.js': () => here(() => hogan.render(data)),
	'mustache.js': () => here(() => mustache.render(template, data)),
};

const text = hogan.render(data);
if (child('--print') !== text || mustache.render(template, data).replace(/&#x2F;/g, '/') !== text) {
	console.error('mustache: the engines do not print the same');
	process.exit(1);
}
const all = {};
for (let round = 0; round < rounds; round++)
	for (const name of Object.keys(contenders))
		(all[name] = all[name] || []).push(contenders[name]());
const figures = {};
for (const name of Object.keys(contenders)) {
	const sorted = all[name].sort((a, b) => a - b);
	figures[name] = { median: sorted[rounds >> 1], min: sorted[0], max: sorted[rounds - 1] };
}
if (process.argv.includes('--json')) {
	console.log(JSON.stringify({ bytes: text.length, figures }));
} else {
	console.log(`Mustache, table of 25 rows, ${text.length} bytes: renders/s`);
	for (const [name, f] of Object.entries(figures))
		console.log(`  ${name.padEnd(32)}${Math.round(f.median).toString().padStart(9)}`);
	const ratio = figures.dropmill.median / figures['hogan.js'].median;
	console.log(`  ${ratio.toFixed(2)} x hogan.js (to reach: 2)`);
}
