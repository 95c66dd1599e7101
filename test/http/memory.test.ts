import { listeningApp } from '../support/http/app.ts'
import { httpSuite } from './http.suite.ts'

httpSuite('the app on memory', (t) => listeningApp(t))
