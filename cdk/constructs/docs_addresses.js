// Of CloudFront, before it looks for a file below /docs: which file is meant, in the folder of which version. Pages are
// folders with an index. A page that there is not is answered here, because an error page of the distribution would take
// the place of the API's answers, too.
var CURRENT = "VERSION";
var PAGES = ["PAGES"];

function to(address) {
  return { statusCode: 301, statusDescription: "Moved Permanently", headers: { location: { value: address } } };
}

function nothing() {
  return {
    statusCode: 404,
    statusDescription: "Not Found",
    headers: {
      "content-type": { value: "text/html; charset=utf-8" },
      "content-security-policy": { value: "default-src 'none'; frame-ancestors 'none'" },
    },
    body:
      '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not found - QuartzDB</title></head>' +
      '<body><main><h1>There is no such page</h1><p><a href="/docs/">The documentation begins here.</a></p></main></body></html>',
  };
}

function handler(event) {
  var request = event.request;
  var path = request.uri;
  if (path === "/docs") return to("/docs/");
  if (path === "/docs/problems") return to("/docs/reference/errors/");
  var rest = path.substring("/docs/".length);
  var older = /^v([0-9]+\.[0-9]+\.[0-9]+)\/(.*)$/.exec(rest);
  if (older) rest = older[2];
  var isPage = rest === "" || rest.endsWith("/") || rest.substring(rest.lastIndexOf("/") + 1).indexOf(".") < 0;
  if (isPage) {
    var page = rest === "" || rest.endsWith("/") ? rest : rest + "/";
    if (!older && PAGES.indexOf(page) < 0) return nothing();
    if (page !== rest) return to(path + "/");
    rest = page + "index.html";
  }
  request.uri = "/" + (older ? older[1] : CURRENT) + "/" + rest;
  return request;
}
