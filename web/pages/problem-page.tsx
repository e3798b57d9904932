/** The page of a refusal: what was wrong, and what to do. */
/** @jsxImportSource hono/jsx */

import { Head, PlainHeader, type StaticFiles } from "./layout.tsx";

export function ProblemPage({ title, message, hint, assets }: Refusal) {
  return (
    <html lang="en">
      <Head title={`Tidemark: ${title}`} assets={assets}>
        <script type="module" src={assets.address("plain-page.js")} />
      </Head>
      <body>
        <PlainHeader />
        <main id="main">
          <section id="problem" class="verdict differ">
            <h1>{message}</h1>
            {hint && <p>{hint}</p>}
          </section>
          <p class="links">
            <a href="/">Back to the page</a>
          </p>
        </main>
      </body>
    </html>
  );
}

interface Refusal {
  /** Status and code. */
  title: string;
  message: string;
  /** "" when there is nothing to do. */
  hint: string;
  assets: StaticFiles;
}
