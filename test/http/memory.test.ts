import { listeningApp } from '../support/app.ts'
import { httpSuite } from './suite.ts'

httpSuite('the app on memory', (t) => listeningApp(t))
