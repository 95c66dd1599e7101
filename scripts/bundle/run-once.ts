import ts from 'typescript'

/**
 * Marks the functions that esbuild makes of CommonJS modules as functions that run, by parentheses around them. V8 otherwise reads each
 * of them twice: quickly to find its end, and again when the module is needed, which for nearly all is at once
 * (https://v8.dev/blog/preparser#pife).
 */
export function markRunOnce (code: string): string {
  const file = ts.createSourceFile('bundle.mjs', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS)
  const parts: string[] = []
  let end = 0
  for (const module of file.statements.flatMap(modulesOf)) {
    const parameters = module.parameters.map((parameter) => parameter.getText(file)).join(',')
    // A `function`, because V8 does this for no arrow functions.
    parts.push(code.slice(end, module.getStart(file)), `(function(${parameters})${module.body.getText(file)})`)
    end = module.end
  }
  return parts.join('') + code.slice(end)
}

/** Of `var name = helper((exports, module) => {…}), …`. */
function modulesOf (statement: ts.Statement): ts.ArrowFunction[] {
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations.flatMap(({ initializer }) => {
    if (initializer === undefined || !ts.isCallExpression(initializer) || initializer.arguments.length !== 1) return []
    const [argument] = initializer.arguments
    return argument !== undefined && ts.isArrowFunction(argument) && ts.isBlock(argument.body) ? [argument] : []
  })
}
