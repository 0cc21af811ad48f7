//! PHP declarations as text: `public function send(string $data, bool $binary = false): SendResult`.
//!
//! A class is declared to the engine by the very lines of its stub, so that a reader can compare both by eye. Only
//! the syntax that our classes need is understood, and a line that is not understood fails the module's start, which
//! every test of it would see.

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::php) struct Method {
    pub(in crate::php) modifiers: Modifiers,
    pub(in crate::php) name: String,
    pub(in crate::php) parameters: Vec<Parameter>,
    pub(in crate::php) returns: Option<Type>,
}

/// A property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::php) struct Property {
    pub(in crate::php) modifiers: Modifiers,
    pub(in crate::php) name: String,
    pub(in crate::php) ty: Type,
    /// True if it begins as null; otherwise it begins uninitialised.
    pub(in crate::php) null_at_first: bool,
}

/// The words before `function` or the type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::php) struct Modifiers {
    pub(in crate::php) private: bool,
    pub(in crate::php) is_abstract: bool,
    pub(in crate::php) is_static: bool,
    pub(in crate::php) readonly: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::php) struct Parameter {
    pub(in crate::php) name: String,
    pub(in crate::php) ty: Type,
    pub(in crate::php) variadic: bool,
    /// True if no stack trace may show the argument (`#[\SensitiveParameter]`, PHP 8.2).
    pub(in crate::php) sensitive: bool,
    /// The default's source text, as reflection shows it.
    pub(in crate::php) default: Option<String>,
}

/// A type: a union of built-in ones and classes, which only a parameter may have several of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::php) struct Type {
    pub(in crate::php) builtin: Vec<Builtin>,
    /// Joined by `|`, as the engine reads them.
    pub(in crate::php) class: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum Builtin {
    Array,
    Bool,
    Callable,
    Float,
    Int,
    Mixed,
    Null,
    Static,
    String,
    Void,
}

impl Method {
    /// Reads a declaration without its body.
    pub(in crate::php) fn parse(text: &str) -> Option<Self> {
        let (before, rest) = text.split_once("function ")?;
        let (name, rest) = rest.split_once('(')?;
        let (parameters, after) = rest.rsplit_once(')')?;
        let returns = match after.trim().strip_prefix(':') {
            Some(ty) => Some(Type::parse(ty.trim())?),
            None => None,
        };
        let parameters = parameters.split(", ").filter(|parameter| !parameter.is_empty());
        Some(Self {
            modifiers: Modifiers::parse(before)?,
            name: name.to_owned(),
            parameters: parameters.map(Parameter::parse).collect::<Option<_>>()?,
            returns,
        })
    }

    /// Number of arguments that a call must have.
    pub(in crate::php) fn required(&self) -> usize {
        self.parameters.iter().filter(|parameter| !parameter.variadic && parameter.default.is_none()).count()
    }
}

impl Property {
    /// Reads a declaration without its semicolon.
    pub(in crate::php) fn parse(text: &str) -> Option<Self> {
        let (before, rest) = text.split_once('$')?;
        let (modifiers, ty) = before.trim().rsplit_once(' ')?;
        let (name, null_at_first) = match rest.split_once(" = ") {
            Some((name, "null")) => (name, true),
            Some(_) => return None,
            None => (rest, false),
        };
        // The engine wants a list of several classes here, in a form that only it can make.
        let ty = Type::parse(ty).filter(|ty| !ty.class.as_ref().is_some_and(|class| class.contains('|')))?;
        Some(Self { modifiers: Modifiers::parse(modifiers)?, name: name.to_owned(), ty, null_at_first })
    }
}

impl Modifiers {
    fn parse(text: &str) -> Option<Self> {
        let mut modifiers = Self::default();
        for word in text.split_ascii_whitespace() {
            match word {
                "public" => {}
                "private" => modifiers.private = true,
                "abstract" => modifiers.is_abstract = true,
                "static" => modifiers.is_static = true,
                "readonly" => modifiers.readonly = true,
                _ => return None,
            }
        }
        Some(modifiers)
    }
}

impl Parameter {
    fn parse(text: &str) -> Option<Self> {
        let (text, sensitive) = match text.strip_prefix("#[\\SensitiveParameter] ") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (declared, default) = match text.split_once(" = ") {
            Some((declared, default)) => (declared, Some(default.to_owned())),
            None => (text, None),
        };
        let (ty, name) = declared.split_once(" ")?;
        let (name, variadic) = match name.strip_prefix("...") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.strip_prefix('$')?.to_owned();
        Some(Self { name, ty: Type::parse(ty)?, variadic, sensitive, default })
    }
}

impl Type {
    fn parse(text: &str) -> Option<Self> {
        let mut ty = Self::default();
        let text = match text.strip_prefix('?') {
            Some(text) => {
                ty.builtin.push(Builtin::Null);
                text
            }
            None => text,
        };
        for name in text.split('|') {
            ty.builtin.push(match name {
                "array" => Builtin::Array,
                "bool" => Builtin::Bool,
                "callable" => Builtin::Callable,
                "float" => Builtin::Float,
                "int" => Builtin::Int,
                // PHP 8.2 and later make this union of it themselves.
                "iterable" => {
                    ty.class = Some("Traversable".to_owned());
                    Builtin::Array
                }
                "mixed" => Builtin::Mixed,
                "null" => Builtin::Null,
                "static" => Builtin::Static,
                "string" => Builtin::String,
                "void" => Builtin::Void,
                "" => return None,
                class => {
                    let class = match class.strip_prefix('\\') {
                        Some(global) => global.to_owned(),
                        None => format!("Ferrite\\{class}"),
                    };
                    ty.class = Some(match ty.class {
                        Some(others) => format!("{others}|{class}"),
                        None => class,
                    });
                    continue;
                }
            });
        }
        Some(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_with_defaults_unions_and_variadics() {
        let method = Method::parse(
            "public function publish(string $topic, bool $binary = false, Connection|array|null $except = null): int",
        )
        .unwrap();
        assert_eq!((method.name.as_str(), method.required()), ("publish", 1));
        assert_eq!(method.parameters[1].default.as_deref(), Some("false"));
        let except = &method.parameters[2].ty;
        assert_eq!(except.class.as_deref(), Some("Ferrite\\Connection"));
        assert_eq!(except.builtin, [Builtin::Array, Builtin::Null]);
        assert_eq!(method.returns.unwrap().builtin, [Builtin::Int]);

        let method = Method::parse("public function subscribe(string ...$topics): static").unwrap();
        assert!(method.parameters[0].variadic && method.required() == 0);
        let method = Method::parse("private function __construct()").unwrap();
        assert!(method.modifiers.private && method.parameters.is_empty() && method.returns.is_none());
    }

    #[test]
    fn a_parameter_may_be_sensitive_or_of_several_classes() {
        let method = Method::parse(
            "public function __construct(#[\\SensitiveParameter] ?string $a = null, Auth\\A|\\B|null $b = null)",
        )
        .unwrap();
        assert!(method.parameters[0].sensitive && !method.parameters[1].sensitive);
        assert_eq!(method.parameters[0].default.as_deref(), Some("null"));
        assert_eq!(method.parameters[1].ty.class.as_deref(), Some("Ferrite\\Auth\\A|B"));
    }

    #[test]
    fn a_static_method_is_read() {
        let method = Method::parse("public static function json(mixed $data): Response").unwrap();
        assert!(method.modifiers.is_static && !method.modifiers.private);
        assert_eq!(method.returns.unwrap().class.as_deref(), Some("Ferrite\\Response"));
    }

    #[test]
    fn a_property_is_read() {
        let property = Property::parse("public readonly ?string $user").unwrap();
        assert!(property.modifiers.readonly && !property.null_at_first);
        assert_eq!(property.ty.builtin, [Builtin::Null, Builtin::String]);
        assert!(Property::parse("public mixed $data = null").unwrap().null_at_first);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(Method::parse("final function f(): int"), None);
        assert_eq!(Method::parse("public function f(#[\\Other] A $x)"), None);
        assert_eq!(Property::parse("public int $x = 3"), None);
        assert_eq!(Property::parse("public readonly A|B $x"), None);
    }
}
