// The API reference with try-it, in place of the plain list. Requests go to this very site, with the session of
// whoever is signed in, or with the token that they give it.
(() => {
	'use strict';

	if (!window.SwaggerUIBundle)
		return;
	document.getElementById('listed').hidden = true;
	window.SwaggerUIBundle({
		url: '/api/openapi.json',
		dom_id: '#swagger',
		deepLinking: false,
		docExpansion: 'list',
		defaultModelsExpandDepth: 0,
		displayRequestDuration: true,
		validatorUrl: null,
		syntaxHighlight: { activated: false },
	});
})();
