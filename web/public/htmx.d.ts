/** htmx as a minified module has the types of the package. */
declare module "htmx.org/dist/htmx.esm.min.js" {
  import htmx from "htmx.org";
  export default htmx;
}
