declare module "redoc/bundles/redoc.standalone.js" {
  /** https://redocly.com/docs/redoc/v2.x/deployment/html: renders a description into an element. */
  export function init(
    description: string,
    options: Record<string, unknown>,
    element: HTMLElement,
    done?: (error?: Error) => void,
  ): void;
}
