// Runs Next.js without what it would tell its makers: node next.mjs build
process.env.NEXT_TELEMETRY_DISABLED = "1";
await import("next/dist/bin/next");
