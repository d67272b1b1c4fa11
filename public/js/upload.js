// Uploads with JavaScript on: files are dropped anywhere on the page, pasted, or chosen, and each goes
// by a PUT of its own, three at a time, with progress. Without JavaScript the same form posts them.
//
// A type with options has its files wait until Upload is pressed, and each then goes by a POST with the
// options as they are at that moment; a type that takes many has all that wait in one. The server swaps
// the options in (app.js and htmx), says what is wrong with one, and that stands beside its field.
//
// A refusal ends a request whose body is still on its way, and a browser may then see no answer but a broken
// connection. So the first of a batch, and whatever is large, asks for admission before it is sent.
//
// Every file has one Idempotency-Key for all its attempts, so a retry after a broken connection never
// makes a second job.
//
// The browser guesses what a file is by its name. Where that guess can be trusted, types that will not take
// what is waiting say so in the list and cannot be chosen; all else is the server's word.
'use strict';
(() => {
	const byId = (id) => document.getElementById(id);
	const form = byId('upload');
	if (!form)
		return;
	const AT_ONCE = 3;
	const ASK_ABOVE = 256 * 1024; // bytes: a smaller body has arrived before anybody refuses it
	const limit = Number(form.dataset.limit) || Infinity;
	const too_large = `larger than ${form.dataset.limitText}, the most this server takes`;
	// { files, size, type, options, key, state, sent, row, xhr }; state: held waiting sending done failed refused
	const items = [];
	const all = (...states) => items.filter((item) => states.includes(item.state));
	let leaving = false; // for the login page: nobody is asked whether to
	const busy = () => all('waiting', 'sending').length > 0;

	// The options of the chosen type, as the server made them.
	const panel = () => byId('options');
	const fields = () => [...panel().querySelectorAll('[name^="params."]')];
	const takes_many = () => panel().dataset.many !== undefined;
	const more = byId('more');
	const more_fields = [byId('priority'), byId('run_at')];
	const wanted = () => fields().length > 0 || more.open; // something may be filled in first

	// ---- words ----------------------------------------------------------------------------------
	function size(bytes) {
		const units = ['B', 'kB', 'MB', 'GB', 'TB'];
		let i = 0;
		for (; bytes >= 999.5 && i < units.length - 1; i++)
			bytes /= 1000;
		return `${bytes.toFixed(i && bytes < 9.95 ? 1 : 0)}\u00a0${units[i]}`;
	}

	function span(seconds) {
		if (seconds < 60)
			return `${Math.max(1, Math.round(seconds))}\u00a0s`;
		return seconds < 5400 ? `${Math.round(seconds / 60)}\u00a0min` : `${Math.round(seconds / 3600)}\u00a0h`;
	}

	const count = (n) => (n === 1 ? '1 file' : `${n} files`);

	function key() {
		const bytes = crypto.getRandomValues(new Uint8Array(16));
		return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
	}

	// Why it was not taken: the server's own sentence where it sent one.
	function refusal({ status, text }) {
		try {
			const problem = JSON.parse(text);
			if (problem.detail)
				return problem.detail;
		} catch {
			// not JSON: an answer of something in between
		}
		switch (status) {
		case 0: return 'the connection broke';
		case 413: return too_large;
		case 429: return 'too many uploads at once; try again in a moment';
		case 507: return 'the server has no room left';
		default: return `the server answered ${status}`;
		}
	}

	// ---- options --------------------------------------------------------------------------------
	// A copy of what is filled in, with the type in front.
	function filled_in() {
		const data = [['type', panel().dataset.type]];
		if (form.elements.project)
			data.push(['project', form.elements.project.value]);
		const at = new Date(byId('run_at').value);
		if (byId('priority').value)
			data.push(['priority', byId('priority').value]);
		if (!isNaN(at))
			data.push(['run_at', at.toISOString()]);
		for (const [name, value] of new FormData(form))
			if (name.startsWith('params.') && !(value instanceof File && !value.name))
				data.push([name, value]);
		return data;
	}

	// The sentence about a field stands beside it until that is changed; false: there is no such field.
	function blame(name, sentence) {
		const field = [...fields(), ...more_fields].find((one) => one.name === name && one.type !== 'hidden');
		if (!field)
			return false;
		more.open ||= more.contains(field);
		field.setAttribute('aria-invalid', 'true');
		byId(`${field.id}-error`).textContent = sentence;
		field.focus();
		return true;
	}

	form.addEventListener('input', (event) => {
		if (event.target.ariaInvalid) {
			event.target.removeAttribute('aria-invalid');
			byId(`${event.target.id}-error`).textContent = '';
		}
	});

	// More options: a time by the viewer's clock. What is set is said when they are closed again.
	byId('run_at').type = 'datetime-local';
	function say_more() {
		const at = new Date(byId('run_at').value);
		const said = [byId('priority').value && `priority ${byId('priority').value}`,
			!isNaN(at) && `from ${at.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })}`];
		byId('more-said').textContent = more.open ? '' : said.filter(Boolean).join(', ');
	}
	more.addEventListener('toggle', say_more);
	form.addEventListener('invalid', (event) => { more.open ||= more.contains(event.target); }, true);

	// ---- what a type takes ----------------------------------------------------------------------
	const accepts = (option) => (option.dataset.accept || '').split(',').filter(Boolean);
	const fits = (word, file) => (word.startsWith('.') ? file.name.toLowerCase().endsWith(word.toLowerCase())
		: word === file.type || (word.endsWith('/*') && file.type.startsWith(word.slice(0, -1))));
	// Pictures and sound go by the same names everywhere, but for these, which may as well be text.
	const media = (type) => /^(image|audio|video|font)\//.test(type) && !/^(image\/svg|video\/mp2t)/.test(type);

	// Whether a type will not take a file, for certain. An extension counts only where its file is no medium.
	function refuses(option, file) {
		const words = accepts(option);
		const types = words.filter((word) => !word.startsWith('.'));
		if (!words.length || !file.type || words.some((word) => fits(word, file)))
			return false;
		const family = file.type.split('/')[0];
		return !types.some((type) => type.startsWith(`${family}/`))
			&& (media(file.type) || (types.length > 0 && types.every(media)));
	}

	const kind = (file) => file.name.match(/\.[^. ]{1,12}$/)?.[0] || 'this kind of file';
	const chosen = () => byId('type').selectedOptions[0];

	// The list of types says which of them will not do for what waits, and what the file would lead to.
	function mark_types() {
		const files = items.filter((item) => item.state === 'held' || item.misfit).flatMap((item) => item.files);
		const likely = new Set();
		for (const option of byId('type').options) {
			option.dataset.title ||= option.textContent;
			const misfit = files.find((file) => refuses(option, file));
			option.disabled = Boolean(misfit) && !option.selected;
			option.textContent = option.dataset.title + (misfit ? `, not for ${kind(misfit)}` : '');
			if (option.dataset.default !== undefined
				&& files.length && files.every((file) => accepts(option).some((word) => fits(word, file))))
				likely.add(option.dataset.title);
		}
		if (likely.size === 1)
			byId('type').options[0].textContent += `: ${[...likely][0]}`;
	}

	// Another type has been chosen: the file dialog offers what it takes, and what waits goes with it. Files
	// that came between the choice and its options go at once if there are none to fill in.
	function chosen_type() {
		form.dataset.type = panel().dataset.type;
		byId('files').accept = panel().dataset.accept;
		for (const item of items.filter((one) => one.misfit && !refuses(chosen(), one.files[0]))) {
			item.misfit = false;
			item.eager = true;
			turn(item, 'held', size(item.size));
		}
		for (const item of all('held')) {
			item.type = panel().dataset.type;
			if (item.eager && !wanted()) {
				item.options = filled_in();
				turn(item, 'waiting', size(item.size));
			}
		}
		next();
	}
	document.addEventListener('htmx:after:swap', () => panel().dataset.type !== form.dataset.type && chosen_type());

	// Upload was pressed: what is held goes, if the form is right.
	function release() {
		const held = all('held');
		if (!held.length || !form.reportValidity())
			return;
		for (const item of held) {
			item.options = filled_in();
			turn(item, 'waiting', size(item.size));
		}
		next();
	}

	// ---- one file -------------------------------------------------------------------------------
	function name_row(item) {
		const more = item.files.length - 1;
		const name = item.files[0].name + (more ? ` and ${more} more` : '');
		item.size = item.files.reduce((sum, file) => sum + file.size, 0);
		item.row.querySelector('.name').textContent = name;
		item.row.querySelector('.name').title = name;
		item.row.querySelector('progress').setAttribute('aria-label', `Upload of ${name}`);
		for (const [button, label] of [['.again', 'Retry'], ['.stop', 'Cancel']])
			item.row.querySelector(button).setAttribute('aria-label', `${label} ${name}`);
	}

	function make(files) {
		const row = byId('queue-item').content.cloneNode(true).firstElementChild;
		const item = { files, type: panel().dataset.type, options: [], key: key(), state: 'held', sent: 0, row };
		for (const [button, act] of [['.again', again], ['.stop', drop]])
			row.querySelector(button).addEventListener('click', () => act(item));
		name_row(item);
		byId('queue').append(row);
		items.push(item);
		return item;
	}

	function add(files) {
		const late = byId('type').value !== panel().dataset.type; // its options are on their way
		const held = late || wanted();
		let joint = takes_many() && all('held').find((item) => item.type === panel().dataset.type);
		for (const file of files) {
			if (file.size === 0 || file.size > limit) {
				turn(make([file]), 'refused', file.size ? too_large : 'it is empty');
				continue;
			}
			if (refuses(chosen(), file)) {
				const item = make([file]);
				item.misfit = true; // until another type is chosen
				turn(item, 'refused', `${chosen().dataset.title} does not take ${kind(file)}`);
				continue;
			}
			if (joint) {
				joint.files.push(file);
				name_row(joint);
			} else {
				const item = make([file]);
				joint = takes_many() && item;
			}
		}
		for (const item of all('held')) {
			item.eager = late;
			if (!held)
				item.options = filled_in();
			turn(item, held ? 'held' : 'waiting', size(item.size));
		}
		next();
	}

	function turn(item, state, text) {
		item.state = state;
		if (state === 'waiting' || state === 'failed') // begins at the beginning again
			item.sent = 0;
		item.row.className = state;
		item.row.querySelector('progress').value = 100 * item.sent / (item.size || 1);
		item.row.querySelector('.say').textContent = text;
		item.row.querySelector('.say').title = text;
		item.row.querySelector('.again').hidden = state !== 'failed';
	}

	function again(item) {
		if (item.type === panel().dataset.type) {
			if (!form.reportValidity())
				return;
			item.options = filled_in(); // as they are now
		}
		turn(item, 'waiting', size(item.size));
		next();
	}

	function drop(item) {
		item.xhr?.abort();
		items.splice(items.indexOf(item), 1);
		item.row.remove();
		next();
	}

	// One file without parameters is the raw body of a PUT, which the server need not copy.
	function open(item, xhr) {
		if (item.files.length === 1 && !item.options.some(([name]) => name.startsWith('params.'))) {
			const name = new TextDecoder().decode(new TextEncoder().encode(item.files[0].name)); // no half characters
			const query = new URLSearchParams(item.options.filter(([, value]) => value));
			xhr.open('PUT', `/jobs/upload/${encodeURIComponent(name)}${query.size ? `?${query}` : ''}`);
			xhr.setRequestHeader('Content-Type', 'application/octet-stream');
			return item.files[0];
		}
		const data = new FormData();
		for (const [name, value] of item.options)
			data.append(name, value);
		for (const file of item.files)
			data.append('files', file);
		xhr.open('POST', '/jobs');
		return data;
	}

	// Null: it would be taken; else the answer that it would get. Of several files in one the largest counts.
	async function admission(item) {
		const largest = Math.max(...item.files.map((file) => file.size));
		try {
			const answer = await fetch(`/jobs/admit?size=${largest}`, { headers: { Accept: 'application/json' }, cache: 'no-store' });
			return answer.ok ? null : { status: answer.status, text: await answer.text() };
		} catch {
			return { status: 0, text: '' };
		}
	}

	async function send(item) {
		const ask = item.size > ASK_ABOVE || all('sending').length === 0;
		turn(item, 'sending', size(item.size));
		const refused = ask && await admission(item);
		if (!items.includes(item))
			return; // cancelled meanwhile
		if (refused) {
			fail(item, refused);
			next();
		} else {
			transfer(item);
		}
	}

	function transfer(item) {
		const xhr = new XMLHttpRequest();
		const body = open(item, xhr);
		xhr.setRequestHeader('Accept', 'application/json');
		xhr.setRequestHeader('Idempotency-Key', item.key);
		xhr.upload.onprogress = (event) => {
			item.sent = Math.min(event.loaded, item.size);
			turn(item, 'sending', item.sent < item.size ? size(item.size) : 'being stored');
		};
		xhr.onloadend = () => {
			if (!items.includes(item))
				return; // cancelled
			if (xhr.status === 200 || xhr.status === 201)
				done(item);
			else
				fail(item, { status: xhr.status, text: xhr.responseText });
			next();
		};
		item.xhr = xhr;
		xhr.send(body);
	}

	function fail(item, answer) {
		const sentence = refusal(answer);
		turn(item, 'failed', sentence);
		if (answer.status === 401 && form.dataset.login !== undefined) { // the session is over
			leaving = true;
			location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
		}
		if (answer.status === 422) {
			item.key = key(); // nothing was made, and the next attempt says something else
			if (item.type === panel().dataset.type)
				blame(JSON.parse(answer.text).field, sentence);
		}
	}

	let news;
	function done(item) {
		item.sent = item.size;
		turn(item, 'done', 'uploaded');
		setTimeout(() => item.row.remove(), 1500);
		clearTimeout(news);
		news = setTimeout(() => htmx.trigger('#jobs', 'refresh'), 50);
	}

	// ---- all of them ----------------------------------------------------------------------------
	// Starts what may start, and says where the whole stands.
	function next() {
		for (const item of all('waiting').slice(0, Math.max(0, AT_ONCE - all('sending').length)))
			send(item);
		mark_types();
		summary();
	}

	let timer = 0, hide = 0, speed = 0, before = null;

	function measure(sent) {
		const now = performance.now();
		if (before && now - before.at < 400)
			return;
		if (before) {
			const rate = Math.max(0, (sent - before.sent) * 1000 / (now - before.at));
			speed = speed ? 0.7 * speed + 0.3 * rate : rate;
		}
		before = { at: now, sent };
	}

	function summary() {
		const ours = all('waiting', 'sending', 'done');
		const done = all('done').length;
		const failed = all('failed', 'refused').length;
		const total = ours.reduce((sum, item) => sum + item.size, 0);
		const sent = ours.reduce((sum, item) => sum + Math.min(item.sent, item.size), 0);
		const held = all('held').reduce((sum, item) => sum + item.files.length, 0);
		let text = [held && `${count(held)} to be uploaded`, done && `${count(done)} uploaded`, failed && `${count(failed)} not taken`]
			.filter(Boolean).join(', ');

		clearTimeout(hide);
		if (busy()) {
			timer ||= setInterval(summary, 500);
			measure(sent);
			text = `${done} of ${count(ours.length)}, ${size(sent)} of ${size(total)}`;
			if (speed > 0 && sent < total)
				text += `, ${size(speed)}/s, about ${span((total - sent) / speed)} left`;
		} else {
			clearInterval(timer);
			timer = speed = 0;
			before = null;
			byId('said').textContent = text;
			if (items.length && !failed && !held)
				hide = setTimeout(clear, 2500);
		}
		byId('sent').textContent = text;
		byId('sent-bar').value = total ? 100 * sent / total : 0;
		byId('sending').hidden = items.length === 0;
		byId('send').hidden = !fields().length && !held;
		byId('again-all').hidden = all('failed').length < 2;
		byId('stop-all').textContent = busy() ? 'Cancel all' : 'Close';
	}

	function clear() {
		for (const item of items.splice(0)) {
			item.xhr?.abort();
			item.row.remove();
		}
		mark_types();
		summary();
	}

	byId('stop-all').addEventListener('click', clear);
	byId('again-all').addEventListener('click', () => all('failed').forEach(again));
	addEventListener('beforeunload', (event) => busy() && !leaving && event.preventDefault());

	// ---- where files come from ------------------------------------------------------------------
	byId('files').required = false; // they wait in the queue
	byId('files').addEventListener('change', () => {
		const files = [...byId('files').files];
		byId('files').value = '';
		add(files);
	});
	form.noValidate = true; // release() asks
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		release();
	});
	addEventListener('paste', (event) => {
		if (event.target.closest?.('input, textarea'))
			return; // copied cells carry a picture of themselves besides their text
		if (event.clipboardData?.files.length) {
			event.preventDefault();
			add([...event.clipboardData.files]);
		}
	});

	// A folder gives all the files in it.
	async function walk(entry, found) {
		if (entry.isFile) {
			found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
			return;
		}
		const reader = entry.createReader();
		for (;;) {
			const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
			if (!some.length)
				return;
			for (const inner of some)
				await walk(inner, found);
		}
	}

	async function dropped(transfer) {
		const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
		const files = [...transfer.files];
		if (!entries.some((entry) => entry.isDirectory))
			return files;
		const found = [];
		for (const entry of entries)
			await walk(entry, found);
		return found;
	}

	const carries = (event) => event.dataTransfer?.types.includes('Files');
	addEventListener('dragover', (event) => {
		if (!carries(event))
			return;
		event.preventDefault();
		event.dataTransfer.dropEffect = 'copy';
		form.classList.add('over');
	});
	addEventListener('dragleave', (event) => event.relatedTarget || form.classList.remove('over'));
	addEventListener('drop', async (event) => {
		form.classList.remove('over');
		if (!carries(event))
			return;
		event.preventDefault();
		add(await dropped(event.dataTransfer));
	});
	chosen_type();
})();
