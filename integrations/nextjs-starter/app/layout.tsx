import type { Viewport } from "next";
import type { ReactNode } from "react";
import "./page.css";

export const viewport: Viewport = { colorScheme: "light dark" };

/** Says what the page is itself: metadata that a page exports goes and comes again whenever something is searched, and the tab is without a title. */
export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <title>Search</title>
        <meta name="description" content="Search the documents." />
      </head>
      <body>{children}</body>
    </html>
  );
}
